"""The connector activities of the contract, and what each answers."""
