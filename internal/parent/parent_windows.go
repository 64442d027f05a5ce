package parent

import "os"

// followed is the parent process, or nil if it could not be found.
type followed struct{ process *os.Process }

func newFollowed() followed {
	process, err := os.FindProcess(os.Getppid())
	if err != nil {
		return followed{}
	}
	return followed{process}
}

// wait returns when the parent has exited. It blocks forever if the parent could not be found.
func (f followed) wait() {
	if f.process != nil {
		// On Windows, a process can wait for one that is not its child.
		if _, err := f.process.Wait(); err == nil {
			return
		}
	}
	select {}
}

// removeSockets has nothing to remove: on Windows a provider listens on a port.
func removeSockets() bool { return true }
