// Command kubernetes judges manifests by the types of Kubernetes' own API: a field
// that there is not, or of another type, is an error.
package main

import (
	"bytes"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for i, one := range bytes.Split(text, []byte("\n---\n")) {
		if err := check(one); err != nil {
			fmt.Fprintf(os.Stderr, "object %d: %v\n", i+1, err)
			os.Exit(1)
		}
	}
}

func check(text []byte) error {
	var about struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(text, &about); err != nil {
		return err
	}
	kinds := map[string]any{
		"v1/ConfigMap": new(corev1.ConfigMap), "v1/Service": new(corev1.Service), "apps/v1/Deployment": new(appsv1.Deployment),
	}
	v, ok := kinds[about.APIVersion+"/"+about.Kind]
	if !ok {
		return fmt.Errorf("%s %s is not one that is known here", about.APIVersion, about.Kind)
	}
	if err := yaml.UnmarshalStrict(text, v); err != nil {
		return err
	}
	fmt.Println(about.Kind, "is right")
	return nil
}
