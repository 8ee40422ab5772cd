"""Call a function for many profiles, and collect the results in one DataFrame."""
