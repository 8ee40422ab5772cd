"""Create the accounts, roles and profiles of the demo, the tutorials and the how-to guides."""
