"""Reduced models beside peers."""
