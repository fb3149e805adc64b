import os

# Upsun gives every project a secret of its own; the other one is for `manage.py` on your machine.
SECRET_KEY = os.environ.get("PLATFORM_PROJECT_ENTROPY", "only for development")
DEBUG = False
# Upsun's router only lets the project's own hosts through, and the frontend comes by `api.internal`.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["articles"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        # Upsun has variables for each relationship, named after it. There are none while the app is built.
        "HOST": os.environ.get("DATABASE_HOST"),
        "PORT": os.environ.get("DATABASE_PORT"),
        "NAME": os.environ.get("DATABASE_PATH"),
        "USER": os.environ.get("DATABASE_USERNAME"),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
