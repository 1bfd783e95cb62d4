"""Show the buttons for Binder and Colab only if ``_config.yml`` has the repository's address."""

from typing import Any


def drop_without_address(app: Any, config: Any) -> None:
    """Take the launch buttons out of the theme's options; without an address they lead nowhere."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options.pop("launch_buttons", None)


def setup(app: Any) -> dict[str, bool]:
    """Run once the configuration is read, before the theme looks at it."""
    app.connect("config-inited", drop_without_address)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
