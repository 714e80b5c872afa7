"""Operators, sensors, triggers, hooks and callables that behave as the end-to-end tests need it; on both majors."""
