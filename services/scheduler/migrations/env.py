from kit.migrate import run_environment
from services.scheduler.models import Base

run_environment(Base.metadata)
