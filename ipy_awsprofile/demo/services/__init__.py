"""The AWS services of the embedded AWS that moto doesn't have, or doesn't answer as AWS does."""
