"""Colours and type of the app in Streamlit's own options; `style.css` holds the rest of the look."""

from typing import Any

_SHAPE: dict[str, Any] = {
    "font": "sans-serif",
    "headingFont": "serif",
    "baseFontSize": 15,
    "headingFontSizes": ["1.75rem", "1.25rem", "1.05rem"],
    "headingFontWeights": [600, 600, 600],
    "baseRadius": "4px",
    "buttonRadius": "4px",
    "showWidgetBorder": True,
    "linkUnderline": True,
}
_LIGHT = {
    "primaryColor": "#0b6273",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f6f8",
    "textColor": "#1a242e",
    "linkColor": "#0b6273",
    "borderColor": "#cbd4db",
    "codeTextColor": "#1a242e",
    "codeBackgroundColor": "#f3f6f8",
    "grayTextColor": "#4f5c69",
}
_DARK = {
    "primaryColor": "#4fb8c9",
    "backgroundColor": "#12181e",
    "secondaryBackgroundColor": "#1b232b",
    "textColor": "#e4eaef",
    "linkColor": "#6cc7d6",
    "borderColor": "#3a4652",
    "codeTextColor": "#e4eaef",
    "codeBackgroundColor": "#1b232b",
    "grayTextColor": "#a3b0bc",
}


def theme_options() -> dict[str, Any]:
    """Streamlit's options of the theme; without a base, it follows the reader's system from light to dark."""
    return (
        {f"theme.{name}": value for name, value in _SHAPE.items()}
        | {f"theme.light.{name}": value for name, value in _LIGHT.items()}
        | {f"theme.dark.{name}": value for name, value in _DARK.items()}
    )
