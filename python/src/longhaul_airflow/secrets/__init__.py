"""References resolved, state sealed, everything else redacted."""
