"""What tasks print, kept and paged."""
