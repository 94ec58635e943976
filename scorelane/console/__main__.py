"""The console as a program: one process, loopback unless told otherwise."""

from __future__ import annotations

import uvicorn

from scorelane.console import Config, create_app
from scorelane.logs import configure_logs
from scorelane.settings import Settings


def main() -> None:
    """Serve until interrupted."""
    settings = Settings()
    configure_logs(settings.log_level)
    app = create_app(Config(settings.api_database_url, https=settings.console_https, lists=settings.lists_folder))
    uvicorn.run(
        app,
        host=settings.console_host,
        port=settings.console_port,
        log_level="warning",
        log_config=None,
        server_header=False,
        proxy_headers=settings.console_https,
        timeout_graceful_shutdown=3,
        limit_concurrency=200,
    )


if __name__ == "__main__":
    main()
