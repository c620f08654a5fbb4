"""The page of the study: what its scripts find, as tables, pictures and sentences."""
