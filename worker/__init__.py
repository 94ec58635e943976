"""What runs as a process: the Celery app, the dispatcher, the supervisor of the embedded stack, the exporter."""
