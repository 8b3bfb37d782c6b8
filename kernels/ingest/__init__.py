"""From the quantised coefficients of JPEG files to the input of a network: affine and exact."""
