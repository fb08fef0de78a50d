"""Who does the groups of a run beside, or instead of, the process that began it: processes, Ray, Slurm."""
