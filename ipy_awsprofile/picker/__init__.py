"""Define the picker, a searchable list of profiles that is shown in a cell or in the toolbar."""
