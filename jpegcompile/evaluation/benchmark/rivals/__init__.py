"""Other ways from JPEG files of any size to a network's input, which `bench` compares with."""
