"""From JPEG files of any size to the input of a network, natively."""
