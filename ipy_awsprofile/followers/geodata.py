"""Describe how a switch updates GDAL's own Python bindings and pyogrio, which also uses GDAL."""

from __future__ import annotations

from ipy_awsprofile.follower import Cache, Follower

_WHY = "GDAL keeps using a role that it has assumed, even if the environment changes."

FOLLOWERS = (
    Follower(
        package="pyogrio",
        why=_WHY,
        tried="pyogrio 0.13",
        caches=(Cache("pyogrio", "vsi_curl_clear_cache"),),
    ),
    Follower(
        package="osgeo",
        why=_WHY,
        tried="GDAL 3.11",
        caches=(Cache("osgeo.gdal", "VSICurlClearCache"),),
    ),
)
