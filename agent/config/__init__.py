"""The clinic's file: TOML in, one frozen plan out."""
