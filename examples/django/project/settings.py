import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# The mount on Upsun, where it is there already; a folder on your machine.
DATA_DIR = BASE_DIR / "data"
DATA_DIR.mkdir(exist_ok=True)

# Upsun gives every project a secret of its own; the other one is for `manage.py` on your machine.
SECRET_KEY = os.environ.get("PLATFORM_PROJECT_ENTROPY", "only for development")
DEBUG = False
# Upsun's router only lets the project's own hosts through.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["stock"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
