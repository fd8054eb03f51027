from kit.migrate import run_environment
from services.catalog.models import Base

run_environment(Base.metadata)
