"""What a task says: its specification, what it may name, and the meta it becomes."""
