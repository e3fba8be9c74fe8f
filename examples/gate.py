class MultiplyGate:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dz):
        dx = self.x * dz
        dy = self.x * dz
        return [dx, dy]
