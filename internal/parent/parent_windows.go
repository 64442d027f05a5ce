package parent

import "os"

// followed is a parent, nil if it could not be found.
type followed struct{ process *os.Process }

func newFollowed() followed {
	process, err := os.FindProcess(os.Getppid())
	if err != nil {
		return followed{}
	}
	return followed{process}
}

// wait returns once the parent is gone. A parent that could not be found is waited for without end.
func (f followed) wait() {
	if f.process != nil {
		// Windows lets a process wait for one that is not its child.
		if _, err := f.process.Wait(); err == nil {
			return
		}
	}
	select {}
}

// removeSockets has nothing to remove: on Windows a provider listens on a port.
func removeSockets() bool { return true }
