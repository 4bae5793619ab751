"""Where in the cloud is this product?"""

from helpers.cloud.location import CloudLocation as CloudLocation
from helpers.cloud.location import cloud_location as cloud_location
