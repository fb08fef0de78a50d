"""Time, memory and disk: measured, and forecast for a plan."""
