package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis"
)

// runPreStop runs the container's hook; it ends at the latest at end.
func (c container) runPreStop(ctx context.Context, runtime cri.RuntimeService, sandbox string, end time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	switch hook := c.preStop; {
	case hook.Exec != nil:
		_, output, err := runtime.ExecSync(ctx, c.id, hook.Exec.Command, time.Until(end))
		if err != nil && len(output) > 0 {
			return fmt.Errorf("%w: %s", err, output)
		}
		return err
	case hook.Sleep != nil:
		return sleep(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
	case hook.HTTPGet != nil:
		return getHook(ctx, runtime, sandbox, hook.HTTPGet)
	}
	return nil
}

func sleep(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func getHook(ctx context.Context, runtime cri.RuntimeService, sandbox string, action *core.HTTPGetAction) error {
	host := action.Host
	if host == "" {
		status, err := runtime.PodSandboxStatus(ctx, sandbox, false)
		if err != nil {
			return err
		}
		host = status.GetStatus().GetNetwork().GetIp()
	}
	target, err := hookURL(host, action)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	for _, header := range action.HTTPHeaders {
		request.Header.Set(header.Name, header.Value)
	}
	// Like the kubelet: a pod's certificate names nothing that could be checked.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// hookURL needs a numbered port: a name is known only in the pod's specification.
func hookURL(host string, action *core.HTTPGetAction) (string, error) {
	port := action.Port.String()
	if action.Port.IntValue() == 0 {
		return "", errors.New("its port is a name: " + port)
	}
	scheme := strings.ToLower(string(action.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	target, err := url.Parse(action.Path)
	if err != nil {
		return "", err
	}
	target.Scheme = scheme
	target.Host = net.JoinHostPort(host, port)
	return target.String(), nil
}
