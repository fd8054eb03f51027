from kit.migrate import run_environment
from services.notifier.models import Base

run_environment(Base.metadata)
