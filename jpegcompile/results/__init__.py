"""What commands return: records with JSON forms and schemas, merging, and tables."""
