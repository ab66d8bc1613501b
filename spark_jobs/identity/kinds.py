"""What can be decided about tokens; read by the job and by the commands, which start without Spark."""

EXCLUDE, INCLUDE, MERGE, SPLIT = "exclude", "include", "merge", "split"
