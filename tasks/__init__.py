"""Celery entry points and nothing else. A task reads like its sentence: claim, load, score, save."""
