"""Group and instance normalisation of jpeg-domain maps, with statistics of coefficients: exact."""
