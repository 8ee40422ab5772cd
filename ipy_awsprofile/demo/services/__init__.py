"""The AWS services that moto doesn't have, or that it answers differently from AWS."""
