"""Data about spaces, maps, corpora, tasks, recipes and works: TOML files, their schemas and a loader."""
