"""How people bring JPEG files of any size to a network's input: what `bench` holds against us."""
