"""Reading a source model and bringing it to the forms that the lowerings know."""
