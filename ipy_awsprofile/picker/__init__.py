"""Everything you click: the searchable list of profiles, in a cell and in the toolbar."""
