"""Segments in processes of their own, triggers in one loop, both under the eyes of Temporal."""
