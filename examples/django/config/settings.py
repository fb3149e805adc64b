import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# On Upsun, the mount `/data`.
DATA_DIR = BASE_DIR / "data"
DATA_DIR.mkdir(exist_ok=True)

# Upsun gives each project random characters of its own.
SECRET_KEY = os.environ.get("PLATFORM_PROJECT_ENTROPY", "only for this machine")
DEBUG = False
# The router lets through requests for the environment's own hosts only.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["people"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "people.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
