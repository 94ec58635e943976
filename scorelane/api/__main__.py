"""Serve the API until SIGTERM or SIGINT: ``python -m scorelane.api``."""

from __future__ import annotations

import uvicorn

from scorelane.api import ApiConfig, create_app
from scorelane.logs import configure_logs
from scorelane.settings import Settings

GRACE_S = 15
PORT = 8026


def app() -> object:
    """The application of one process, from the settings."""
    settings = Settings()
    configure_logs(settings.log_level)  # in each process: uvicorn starts them anew
    return create_app(
        ApiConfig(
            database_url=settings.api_database_url,
            intake_database_url=settings.database_url,
            broker_url=settings.broker_url,
            processes=settings.api_processes,
            lists=settings.lists_folder,
        )
    )


def main() -> None:
    """Listen where the settings say."""
    settings = Settings()
    configure_logs(settings.log_level)
    uvicorn.run(
        "scorelane.api.__main__:app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port or PORT,
        workers=settings.api_processes,
        log_level="warning",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        backlog=512,
    )


if __name__ == "__main__":
    main()
