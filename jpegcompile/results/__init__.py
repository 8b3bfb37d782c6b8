"""Results of commands: records with JSON forms and schemas, merging, and tables."""
