"""Update GDAL, which Python uses through GDAL's own bindings and through pyogrio."""

from __future__ import annotations

from ipy_awsprofile.follower import Cache, Follower

_WHY = "GDAL prefers the role that it has assumed to the environment."

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
