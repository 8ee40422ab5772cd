"""What is on the embedded AWS when it is shown, and the commands that show it."""
