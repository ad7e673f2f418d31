"""One file per published system: composition and claims."""
