"""The picker: a searchable list of profiles, in a cell and in the toolbar."""
