"""The searchable dropdown that switches the notebook, as an anywidget."""

from ipy_awsprofile.picker.widget import ProfilePicker

__all__ = ["ProfilePicker"]
