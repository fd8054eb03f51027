from kit.migrate import run_environment
from services.executor.models import Base

run_environment(Base.metadata)
