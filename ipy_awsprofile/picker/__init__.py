"""What is clicked: the searchable list of profiles, in a cell and in JupyterLab's toolbar."""
