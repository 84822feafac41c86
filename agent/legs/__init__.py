"""The five legs; they meet only in the journal."""
