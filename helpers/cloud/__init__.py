"""Where in the cloud is this product?"""

from helpers.cloud.locating import cloud_location as cloud_location
from helpers.cloud.location import CloudLocation as CloudLocation
