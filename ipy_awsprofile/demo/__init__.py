"""The embedded AWS: moto in this process, with a layer of ours that enforces as AWS does."""
