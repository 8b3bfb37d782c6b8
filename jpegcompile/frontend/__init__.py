"""Loading source models and normalizing them to the forms that lowering passes accept."""
